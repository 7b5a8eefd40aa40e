/* elf.h: a small ELF file made by hand, which ends with status 42; what the programs about loading ELF files change and run. */
#ifndef PROGRAMS_ELF_H
#define PROGRAMS_ELF_H
#include "check.h"
#include <elf.h>

/* mov $60,%eax; mov value,%edi; syscall */
static const unsigned char code[] = { 0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 5 };
static struct { Elf64_Ehdr e; Elf64_Phdr p[4]; char interp[32]; unsigned char text[64]; } file;
static void fresh(void) {
  memset(&file, 0, sizeof file);
  memcpy(file.e.e_ident, ELFMAG "\2\1\1", 7);
  file.e.e_type = ET_EXEC;
  file.e.e_machine = EM_X86_64;
  file.e.e_version = 1;
  file.e.e_phoff = offsetof(typeof(file), p);
  file.e.e_ehsize = sizeof file.e;
  file.e.e_phentsize = sizeof *file.p;
  file.e.e_phnum = 1;
  file.p[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000, .p_filesz = sizeof file, .p_memsz = sizeof file, .p_align = 4096 };
  file.e.e_entry = 0x400000 + offsetof(typeof(file), text);
  memcpy(file.text, code, sizeof code);
}
static void run(const char *name, size_t size) {
  int fd = (int)must(open("elf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755));
  must(write(fd, &file, size));
  close(fd);
  pid_t child;
  CHILD(child) {
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    char *args[] = { "elf", NULL };
    execve("elf", args, args + 1);
    say("%s: %s", name, errname(errno));
    _exit(0);
  }
  int s = wait_for(child);
  if (s) say("%s: %s", name, wait_str(s));
  fresh();
}

#endif
