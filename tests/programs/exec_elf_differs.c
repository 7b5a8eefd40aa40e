/* ELF files that 3.2 sees otherwise: cut off in the program headers, with a short loader, and without a word on its stack. */
// differs: a short read is ENOEXEC and a short loader ELIBBAD today, 3.2 says EIO; 5.8 ended that reading implies executing (elf_read_implies_exec)
#include "elf.h"

int main(void) {
  go_to_scratch();
  fresh();
  run("cut off before the program headers", sizeof file.e + 10);
  write_file("noelf", "short", 0755);
  strcpy(file.interp, "noelf");
  file.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(typeof(file), interp), .p_filesz = 6 };
  file.e.e_phnum = 2;
  run("a short loader", sizeof file);
  file.p[0].p_flags = PF_R;
  run("text that may only be read", sizeof file);
  return 0;
}
