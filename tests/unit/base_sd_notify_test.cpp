#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rota/base/fd.h"
#include "rota/base/sd_notify.h"

namespace rota::sd_notify {
namespace {

/// A service manager's end: a datagram socket with an abstract name.
class Manager {
public:
    Manager() : socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
        const std::string name = "rota-sd-notify-test-" + std::to_string(::getpid());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
        ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    }

    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }  // NOLINT(concurrency-mt-unsafe)

    std::string receive() {
        char buffer[512];
        const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        return size < 0 ? std::string{} : std::string{buffer, static_cast<std::size_t>(size)};
    }

private:
    Fd socket_;
};

TEST(SdNotify, tells_an_abstract_socket) {
    Manager manager;
    ready("serving 3 zones");
    EXPECT_EQ(manager.receive(), "READY=1\nSTATUS=serving 3 zones");
    extend_timeout(std::chrono::seconds{2});
    EXPECT_EQ(manager.receive(), "EXTEND_TIMEOUT_USEC=2000000");
}

TEST(SdNotify, keeps_a_status_on_one_line) {
    Manager manager;
    stopping("a\nREADY=1");
    EXPECT_EQ(manager.receive(), "STOPPING=1\nSTATUS=a READY=1");
}

TEST(SdNotify, does_nothing_without_a_manager) {
    ::unsetenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe)
    EXPECT_FALSE(send("READY=1"));
}

}  // namespace
}  // namespace rota::sd_notify
