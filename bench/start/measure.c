/* Starts a program and says what that cost. A small program itself, since what a child has in memory before it becomes
   another program counts into its peak.

     measure time N PROGRAM ARGUMENTS...   N starts; one line each: microseconds from exec to the first byte of output,
                                           and to the end
     measure memory PROGRAM ARGUMENTS...   KiB when the first byte is written: resident, private dirty; and the peak */

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void die(const char* what) {
    perror(what);
    exit(1);
}

static void check_end(int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    fprintf(stderr, "the program failed\n");
    exit(1);
}

static void time_once(char** program) {
    int ends[2];
    if (pipe(ends) != 0) die("pipe");
    const double start = now_us();
    const pid_t child = vfork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execv(program[0], program);
        _exit(127);
    }
    close(ends[1]);
    char buffer[4096];
    double first = 0;
    while (read(ends[0], buffer, sizeof buffer) > 0) {
        if (first == 0) first = now_us();
    }
    int status = 0;
    waitpid(child, &status, 0);
    const double end = now_us();
    close(ends[0]);
    check_end(status);
    printf("%.1f %.1f\n", first - start, end - start);
}

/* The number after `key` in a file of /proc. */
static long proc_number(pid_t pid, const char* file, const char* key) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    FILE* in = fopen(path, "r");
    if (!in) die(path);
    long number = -1;
    while (number < 0 && fgets(line, sizeof line, in)) {
        if (strncmp(line, key, strlen(key)) == 0) number = atol(line + strlen(key));
    }
    fclose(in);
    return number;
}

static int writes_output(pid_t child) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0) return 0;
    return info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_write && info.entry.args[0] == STDOUT_FILENO;
}

static void measure_memory(char** program) {
    const pid_t child = fork();
    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execv(program[0], program);
        _exit(127);
    }
    int status = 0, seen = 0, signal = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) check_end(status);
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
    long resident = 0, dirty = 0, peak = 0;
    for (;;) {
        ptrace(seen ? PTRACE_CONT : PTRACE_SYSCALL, child, 0, signal);
        if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) break;
        signal = (WSTOPSIG(status) & 0x7f) == SIGTRAP ? 0 : WSTOPSIG(status);  /* what is its own goes through */
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
            peak = proc_number(child, "status", "VmHWM:");
        } else if (!seen && writes_output(child)) {
            seen = 1;
            resident = proc_number(child, "smaps_rollup", "Rss:");
            dirty = proc_number(child, "smaps_rollup", "Private_Dirty:");
        }
    }
    check_end(status);
    printf("%ld %ld %ld\n", resident, dirty, peak);
}

int main(int argc, char** argv) {
    if (argc > 3 && strcmp(argv[1], "time") == 0) {
        for (int i = atoi(argv[2]); i > 0; --i) time_once(argv + 3);
        return 0;
    }
    if (argc > 2 && strcmp(argv[1], "memory") == 0) {
        measure_memory(argv + 2);
        return 0;
    }
    fprintf(stderr, "usage: measure time N PROGRAM ... | measure memory PROGRAM ...\n");
    return 2;
}
