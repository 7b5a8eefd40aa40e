/* Small ELF files made by hand: what runs, what is no program, what lacks its interpreter, and what dies of it. */
#include "check.h"
#include <elf.h>

/* mov $60,%eax; mov value,%edi; syscall */
static const unsigned char code[] = { 0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 5 };
/* movb $1,(0x602fff); movzbl 0x602800,%edi; add $9,%edi; mov $60,%eax; syscall */
static const unsigned char bss_code[] = { 0xc6, 4, 0x25, 0xff, 0x2f, 0x60, 0, 1, 0x0f, 0xb6, 0x3c, 0x25, 0, 0x28, 0x60, 0, 0x83, 0xc7, 9, 0xb8, 60, 0, 0, 0, 0x0f, 5 };

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

int main(void) {
  go_to_scratch();
  fresh();
  run("minimal", sizeof file);
  file.e.e_type = ET_REL;
  run("relocatable", sizeof file);
  file.e.e_type = ET_CORE;
  run("core", sizeof file);
  file.e.e_machine = EM_AARCH64;
  run("other machine", sizeof file);
  file.e.e_phnum = 0;
  run("no program headers", sizeof file);
  file.e.e_phentsize = 32;
  run("wrong header size", sizeof file);
  file.e.e_phnum = 2000;
  run("more headers than a page holds", sizeof file);
  file.e.e_ident[EI_CLASS] = 7;
  file.e.e_ident[EI_DATA] = 7;
  file.e.e_version = 9;
  file.e.e_ident[EI_OSABI] = 99;
  run("fields that nobody looks at", sizeof file);
  file.p[1] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 1 << 20, .p_filesz = 100 };
  file.e.e_phnum = 2;
  run("a note outside the file", sizeof file);
  file.p[1] = (Elf64_Phdr){ .p_type = PT_NULL };
  file.p[2] = (Elf64_Phdr){ .p_type = 0x12345 };
  file.e.e_phnum = 3;
  run("unknown segments", sizeof file);
  strcpy(file.interp, "/no/such/loader");
  file.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(typeof(file), interp), .p_filesz = 16 };
  file.e.e_phnum = 2;
  run("interpreter is missing", sizeof file);
  strcpy(file.interp, "/no/such/loader");
  file.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(typeof(file), interp), .p_filesz = 10 };
  file.e.e_phnum = 2;
  run("interpreter without its NUL", sizeof file);
  file.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(typeof(file), interp), .p_filesz = 1 };
  file.e.e_phnum = 2;
  run("interpreter of one byte", sizeof file);
  strcpy(file.interp, "/");
  file.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(typeof(file), interp), .p_filesz = 2 };
  file.e.e_phnum = 2;
  run("interpreter is a directory", sizeof file);
  strcpy(file.interp, "/proc/self/status");
  file.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(typeof(file), interp), .p_filesz = 18 };
  file.e.e_phnum = 2;
  run("interpreter may not be executed", sizeof file);
  write_file("noelf", "this is no ELF file, but it is long enough for one: the loader looks at its first 128 bytes, no fewer, before it says what is wrong", 0755);
  strcpy(file.interp, "noelf");
  file.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(typeof(file), interp), .p_filesz = 6 };
  file.e.e_phnum = 2;
  run("interpreter is no ELF file", sizeof file);
  file.p[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x602000, .p_filesz = 0, .p_memsz = 0x1000, .p_align = 4096 };
  file.e.e_phnum = 2;
  memcpy(file.text, bss_code, sizeof bss_code);
  run("a segment of zeroes alone", sizeof file);
  file.p[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x602000, .p_filesz = 16, .p_memsz = 0x1000, .p_align = 4096 };
  file.e.e_phnum = 2;
  memcpy(file.text, bss_code, sizeof bss_code);
  run("zeroes behind data", sizeof file);
  file.p[0].p_flags = PF_R;
  file.p[1] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
  file.e.e_phnum = 2;
  run("text that may not be executed", sizeof file);
  file.e.e_entry = 0x700000;
  run("entry outside", sizeof file);
  file.e.e_type = ET_DYN;
  file.p[0].p_vaddr = 0;
  file.e.e_entry = offsetof(typeof(file), text);
  run("position independent without interpreter", sizeof file);
  file.p[0].p_align = 0x10000;
  run("large alignment", sizeof file);
  file.p[1] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X };
  file.e.e_phnum = 2;
  run("executable stack", sizeof file);
  run("cut off in its header", 40);
  return 0;
}
