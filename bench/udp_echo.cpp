// bench_udp_echo ADDRESS PORT [APPEND]: the floor of the socket path. Receives up to 64 datagrams
// at once, sets QR, appends APPEND zero octets (an A record's answer takes 16) and sends them back.
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kDatagram = 1500;
constexpr int kReceiveBuffer = 4 << 20;

struct Batch {
    std::array<std::array<std::uint8_t, kDatagram>, kBatch> octets{};
    std::array<iovec, kBatch> vectors{};
    std::array<sockaddr_in, kBatch> peers{};
    std::array<mmsghdr, kBatch> messages{};
};

void arm(Batch& batch, std::size_t i) {
    batch.vectors[i] = {batch.octets[i].data(), kDatagram};
    batch.messages[i].msg_hdr = {
        &batch.peers[i], sizeof(sockaddr_in), &batch.vectors[i], 1, nullptr, 0, 0};
}

void serve(int socket, std::size_t append) {
    static Batch batch;
    for (;;) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            arm(batch, i);
        }
        const int got = ::recvmmsg(socket, batch.messages.data(), kBatch, MSG_WAITFORONE, nullptr);
        for (int i = 0; i < got; ++i) {
            const auto at = static_cast<std::size_t>(i);
            batch.octets[at][2] |= 0x80U;
            batch.vectors[at].iov_len = batch.messages[at].msg_len + append;
        }
        for (int sent = 0; sent < got;) {
            const int now = ::sendmmsg(socket, batch.messages.data() + sent,
                                       static_cast<unsigned>(got - sent), 0);
            sent += now > 0 ? now : 1;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("usage: bench_udp_echo ADDRESS PORT [APPEND]\n", stderr);
        return 64;
    }
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)));
    ::inet_pton(AF_INET, argv[1], &address.sin_addr);
    sockaddr generic{};
    static_assert(sizeof generic == sizeof address);
    __builtin_memcpy(&generic, &address, sizeof address);
    if (::bind(socket, &generic, sizeof generic) != 0) {
        std::perror("bench_udp_echo: bind");
        return 71;
    }
    serve(socket, argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0);
}
