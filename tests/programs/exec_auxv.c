/* The auxiliary vector tells the program about itself. */
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>

int main(int argc, char **argv) {
  (void)argc;
  say("page size %lu, clock %lu, phent %lu", getauxval(AT_PAGESZ), getauxval(AT_CLKTCK), getauxval(AT_PHENT));
  say("uid %d euid %d gid %d egid %d", getauxval(AT_UID) == getuid(), getauxval(AT_EUID) == geteuid(),
      getauxval(AT_GID) == getgid(), getauxval(AT_EGID) == getegid());
  say("secure %lu, flags %lu, base %lu", getauxval(AT_SECURE), getauxval(AT_FLAGS), getauxval(AT_BASE));
  const char *platform = (const char *)getauxval(AT_PLATFORM), *file = (const char *)getauxval(AT_EXECFN);
  say("platform %s, file name is argv[0]: %d", platform, !strcmp(file, argv[0]));
  const Elf64_Phdr *phdr = (const Elf64_Phdr *)getauxval(AT_PHDR);
  int loads = 0;
  for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) loads += phdr[i].p_type == PT_LOAD;
  say("program headers readable: %d, random bytes there: %d", loads > 0, getauxval(AT_RANDOM) != 0);
  const Elf64_Ehdr *elf = (const Elf64_Ehdr *)((const char *)phdr - sizeof *elf);
  say("entry is the header's: %d", elf->e_type != ET_EXEC || getauxval(AT_ENTRY) == elf->e_entry);
  say("stack aligned: %d", ((unsigned long)__builtin_frame_address(0) & 15) == 0);
  return 0;
}
