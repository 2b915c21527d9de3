#include "jobs/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool cim_job_program_exists(const char *name)
{
    const char *path = getenv("PATH");
    for (const char *p = path ? path : ""; *p;) {
        size_t n = strcspn(p, ":");
        cim_text file;
        struct stat st;
        cim_text_init(&file);
        cim_text_addf(&file, "%.*s/%s", (int)n, n ? p : ".", name);
        bool found = !file.failed && stat(file.s, &st) == 0 && S_ISREG(st.st_mode) &&
                     access(file.s, X_OK) == 0;
        cim_text_clear(&file);
        if (found)
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

/* In the child: only functions that are safe after fork. */
static void become(const char *const argv[], const int out[2], const int messages[2])
{
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0 ||
        dup2(messages[1], STDERR_FILENO) < 0)
        _exit(127);
    /* POSIX promises that execvp changes no argument; its prototype is older than const. */
    union {
        const char *const *borrowed;
        char *const *given;
    } words = {.borrowed = argv};
    execvp(argv[0], words.given);
    _exit(127);
}

/* Read both pipes until both are closed. */
static void drain(int out_fd, cim_text *out, int messages_fd, cim_text *messages)
{
    struct pollfd fds[2] = {{.fd = out_fd, .events = POLLIN},
                            {.fd = messages_fd, .events = POLLIN}};
    cim_text *into[2] = {out, messages};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < 2; i++) {
            char buf[4096];
            if (fds[i].fd < 0 || !fds[i].revents)
                continue;
            ssize_t n = read(fds[i].fd, buf, sizeof buf);
            if (n > 0)
                cim_text_add_n(into[i], buf, (size_t)n);
            else if (n == 0 || errno != EINTR)
                fds[i].fd = -1; /* closed: poll ignores negative descriptors */
        }
    }
}

static int open_pipes(int out[2], int messages[2])
{
    if (pipe(out) != 0)
        return -1;
    if (pipe(messages) != 0) {
        close(out[0]);
        close(out[1]);
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(out[i], F_SETFD, FD_CLOEXEC);
        fcntl(messages[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
}

cim_status cim_job_process_run(const char *const argv[], cim_text *out, cim_text *messages,
                               int *exit_status, cim_err *err)
{
    int out_pipe[2], messages_pipe[2], status = 0;
    if (open_pipes(out_pipe, messages_pipe) != 0)
        return cim_err_set(err, CIM_E_IO, argv[0], "cannot be started: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        become(argv, out_pipe, messages_pipe);
    int failure = errno;
    close(out_pipe[1]);
    close(messages_pipe[1]);
    if (child > 0)
        drain(out_pipe[0], out, messages_pipe[0], messages);
    close(out_pipe[0]);
    close(messages_pipe[0]);
    if (child < 0)
        return cim_err_set(err, CIM_E_IO, argv[0], "cannot be started: %s", strerror(failure));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return cim_err_set(err, CIM_E_IO, argv[0], "is lost: %s", strerror(errno));
    *exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (out->failed || messages->failed)
        return cim_err_set(err, CIM_E_NOMEM, argv[0], "out of memory");
    return CIM_OK;
}
