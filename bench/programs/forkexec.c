// Forks a child that executes this program again without arguments, and waits for it, argv[1] times.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2)
        return 0;
    for (long n = atol(argv[1]); n > 0; n--) {
        pid_t pid = fork();
        if (pid < 0)
            return 1;
        if (pid == 0) {
            char *args[] = {argv[0], 0}, *env[] = {0};
            execve(argv[0], args, env);
            _exit(127);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || status != 0)
            return 1;
    }
    return 0;
}
