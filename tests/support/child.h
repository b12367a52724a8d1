#pragma once

#include <sys/wait.h>
#include <unistd.h>

// What a test must not do to its own process (another user, another host name) it does in a child.
namespace rota::test {

/// What a child says when the kernel or missing rights do not let it try.
inline constexpr int kCannot = 77;

/// The exit status of a child that runs `body`; negative when it did not exit by itself.
template <typename Body>
int in_child(const Body& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(body());
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status);
}

}  // namespace rota::test
