// Sieves primes and mixes integers argv[1] times over: arithmetic, branches, loads and stores.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 65536 };
static unsigned char composite[SIZE];

int main(int argc, char **argv) {
    unsigned long sum = 0;
    for (long n = argc > 1 ? atol(argv[1]) : 1; n > 0; n--) {
        memset(composite, 0, SIZE);
        for (unsigned i = 2; i < SIZE; i++) {
            if (composite[i])
                continue;
            sum = sum * 31 + i;
            for (unsigned j = 2 * i; j < SIZE; j += i)
                composite[j] = 1;
        }
    }
    printf("%lu\n", sum);
    return 0;
}
