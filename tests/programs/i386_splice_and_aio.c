/* Pipes of pages and asynchronous I/O of 32-bit programs: vectors, contexts and lists of pointers have their sizes. */
// needs: i386
// differs: 3.2 takes 512 requests of a 32-bit program at once, later kernels as many as the context was made for
#include "check.h"

#include <linux/aio_abi.h>

#define C(name, ...) syscall(SYS_##name, __VA_ARGS__)
#define AT(p) (uintptr_t)(p)

int main(void) {
  uint32_t ctx = 0, none = 0;
  char buf[64] = "", all[20] = "";
  struct iocb w, r, v, bad, *list[4] = {&w, &r, &v, &bad}, *many[600];
  struct io_event e[4];
  int32_t soon[2] = {0, 1000000};
  struct iovec io[2] = {{buf + 20, 2}, {buf + 30, 3}}, page[2] = {{"abc", 3}, {"de", 2}}, back[1] = {{all, 5}};
  int fd = must(open("/tmp/aio_i386", O_CREAT | O_RDWR | O_TRUNC, 0600)), p[2];
  memset(&w, 0, sizeof w);
  w.aio_fildes = fd;
  bad = r = v = w;
  w.aio_lio_opcode = IOCB_CMD_PWRITE, w.aio_buf = AT("hello"), w.aio_nbytes = 5;
  r.aio_lio_opcode = IOCB_CMD_PREAD, r.aio_buf = AT(buf), r.aio_nbytes = 9, r.aio_data = 0x123456789aull;
  v.aio_lio_opcode = IOCB_CMD_PREADV, v.aio_buf = AT(io), v.aio_nbytes = 2;
  bad.aio_lio_opcode = IOCB_CMD_PREADV, bad.aio_buf = AT(io), bad.aio_nbytes = 1025;
  show("io_setup", C(io_setup, 5, &ctx));
  show("there already", C(io_setup, 5, &ctx));
  show("bad address", C(io_setup, 5, 8));
  show("io_submit", C(io_submit, ctx, 4, list));
  show("io_getevents", C(io_getevents, ctx, 1, 4, e, soon));
  say("%d %d %d", (int)e[0].res, (int)e[1].res, (int)e[2].res);
  say("data %llx obj %d", (unsigned long long)e[1].data, e[1].obj == AT(&r));
  say("%s %s %s", buf, buf + 20, buf + 30);
  show("after a while", C(io_getevents, ctx, 1, 3, e, soon));
  show("events at a bad address", C(io_getevents, ctx, 0, 1, -8, soon));
  show("a bad time", C(io_getevents, ctx, 0, 1, e, 8));
  show("a bad list", C(io_submit, ctx, 1, 8));
  show("fewer than none", C(io_submit, ctx, -1, list));
  show("no context", C(io_submit, 4, 1, list));
  list[1] = (struct iocb *)8;
  show("the second is nowhere", C(io_submit, ctx, 2, list));
  show("io_cancel", C(io_cancel, ctx, &w, e));
  show("io_destroy", C(io_destroy, ctx));
  show("again", C(io_destroy, ctx));
  for (int i = 0; i < 600; i++) many[i] = &r;
  must(C(io_setup, 2000, &none));
  show("600 at once", C(io_submit, none, 600, many));
  must(C(io_destroy, none));
  must(pipe(p));
  loff_t off = 1;
  show("vmsplice", C(vmsplice, p[1], page, 2, 0));
  show("splice", C(splice, p[0], 0, fd, &off, 5, 0));
  say("offset %d", (int)off);
  int32_t from32 = 2;
  show("sendfile64", C(sendfile64, p[1], fd, &off, 3));
  show("sendfile", C(sendfile, p[1], fd, &from32, 3));
  say("offset %d", (int)from32);
  show("vmsplice back", C(vmsplice, p[0], back, 1, SPLICE_F_NONBLOCK));
  say("%s", all);
  memset(all, 0, sizeof all);
  must(pread(fd, all, 19, 0));
  say("%s", all);
  return 0;
}
