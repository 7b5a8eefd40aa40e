/* Whether there is anybody who runs it. */
int main(void) { return 0; }
