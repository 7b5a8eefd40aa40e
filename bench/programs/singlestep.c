// Steps a child through argv[1] instructions, one by one.
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        for (;;)
            asm volatile("inc %%rax\n\tnop" : : : "rax");
    }
    waitpid(pid, &status, 0);
    for (long n = argc > 1 ? atol(argv[1]) : 1; n > 0; n--)
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
            return 1;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return 0;
}
