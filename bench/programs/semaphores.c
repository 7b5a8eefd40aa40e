// Two processes hand the turn to each other, N times: a pair of semaphores, and a counter in shared memory.
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

static int id;
static void op(int num, int by) {
    struct sembuf b = { (unsigned short)num, (short)by, 0 };
    if (semop(id, &b, 1))
        _exit(1);
}

int main(int argc, char **argv) {
    long n = argc > 1 ? atol(argv[1]) : 1000;
    int memory = shmget(IPC_PRIVATE, 4096, 0600);
    volatile long *count = shmat(memory, NULL, 0);
    id = semget(IPC_PRIVATE, 2, 0600);
    if (memory == -1 || count == (void *)-1 || id == -1)
        return 1;
    pid_t pid = fork();
    if (!pid) {
        for (long i = 0; i < n; i++) {
            op(0, -1);
            ++*count;
            op(1, 1);
        }
        _exit(0);
    }
    for (long i = 0; i < n; i++) {
        ++*count;
        op(0, 1);
        op(1, -1);
    }
    int status;
    waitpid(pid, &status, 0);
    shmctl(memory, IPC_RMID, NULL);
    semctl(id, 0, IPC_RMID);
    return status || *count != 2 * n;
}
