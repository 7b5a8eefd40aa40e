#include <sys/syscall.h>
static long sc(long n,long a,long b,long c,long d){long r; register long r10 __asm__("r10")=d; __asm__ volatile("syscall":"=a"(r):"a"(n),"D"(a),"S"(b),"d"(c),"r"(r10):"rcx","r11","memory");return r;}
void _start(void){ if(!sc(SYS_fork,0,0,0,0)) sc(SYS_exit_group,7,0,0,0); int st; sc(SYS_wait4,-1,(long)&st,0,0); sc(SYS_write,1,(long)"done\n",5,0); sc(SYS_exit_group,st>>8,0,0,0);}
