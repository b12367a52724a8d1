// bench_visible API_ADDRESS API_PORT DNS_PORT ZONE_ID CHANGES SETS: how long a change takes until a
// query sees it. Sends CHANGES UPSERTs of an A record, one after the other, over one kept
// connection; the clock runs from the first octet of the request to the first answer with the new
// address, asked for without pause. Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
// Prints JSON: p50 and p99 in µs to the visible answer and to the API's answer.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"

namespace {

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

int connect_to(const char* address, const char* port, int type) {
    const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10)));
    ::inet_pton(AF_INET, address, &server.sin_addr);
    sockaddr generic{};
    std::memcpy(&generic, &server, sizeof server);
    if (::connect(fd, &generic, sizeof generic) != 0) {
        std::perror("bench_visible: connect");
        std::exit(71);
    }
    return fd;
}

std::string address_of(std::size_t change) {
    return fmt::format("10.9.{}.{}", change / 250 % 250, change % 250 + 1);
}

std::string request_text(const std::string& host, std::string_view zone_id, std::string_view name,
                         std::string_view address, const rota::aws::Credentials& credentials) {
    rota::http::Request request;
    request.method = "POST";
    request.target = fmt::format("/2013-04-01/hostedzone/{}/rrset/", zone_id);
    request.body = fmt::format(
        "<ChangeResourceRecordSetsRequest "
        "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes><Change>"
        "<Action>UPSERT</Action><ResourceRecordSet><Name>{}</Name><Type>A</Type><TTL>60</"
        "TTL><ResourceRecords><ResourceRecord>"
        "<Value>{}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change></"
        "Changes></ChangeBatch>"
        "</ChangeResourceRecordSetsRequest>",
        name, address);
    rota::aws::sign(request, host, credentials, "us-east-1", "route53", rota::wall_now());
    std::string text = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (const auto& [field, value] : request.headers) {
        text += fmt::format("{}: {}\r\n", field, value);
    }
    return text + fmt::format("Content-Length: {}\r\n\r\n{}", request.body.size(), request.body);
}

void read_answer(int fd) {
    std::string text;
    std::array<char, 4096> part{};
    for (;;) {
        const ssize_t got = ::read(fd, part.data(), part.size());
        if (got <= 0) {
            std::fputs("bench_visible: the API closed the connection\n", stderr);
            std::exit(70);
        }
        text.append(part.data(), static_cast<std::size_t>(got));
        if (text.find("</ChangeResourceRecordSetsResponse>") != std::string::npos) {
            return;
        }
        if (text.find("</ErrorResponse>") != std::string::npos) {
            std::fprintf(stderr, "bench_visible: %s\n", text.c_str());
            std::exit(70);
        }
    }
}

/// Asks without pause until the answer ends in the wanted address.
void await_address(int dns, const std::string& query, std::string_view wanted) {
    in_addr address{};
    ::inet_pton(AF_INET, std::string{wanted}.c_str(), &address);
    const auto deadline = Clock::now() + std::chrono::seconds{20};
    std::array<char, 2048> reply{};
    while (Clock::now() < deadline) {
        if (::send(dns, query.data(), query.size(), 0) < 0) {
            continue;
        }
        const ssize_t got = ::recv(dns, reply.data(), reply.size(), 0);
        if (got >= 16 && std::memcmp(reply.data() + got - 4, &address, 4) == 0) {
            return;
        }
    }
    std::fputs("bench_visible: the change was not seen within 20 s\n", stderr);
    std::exit(70);
}

std::string query_for(std::string_view label) {
    std::string query{"\0\1\0\0\0\1\0\0\0\0\0\0", 12};
    query.push_back(static_cast<char>(label.size()));
    query += label;
    return query + std::string{"\5bench\4test\0\0\1\0\1", 16};
}

double quantile(std::vector<double>& values, double q) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * q)];
}

}  // namespace

int main(int argc, char** argv) {
    const char* key_id = std::getenv("AWS_ACCESS_KEY_ID");
    const char* secret = std::getenv("AWS_SECRET_ACCESS_KEY");
    if (argc < 7 || key_id == nullptr || secret == nullptr) {
        std::fputs(
            "usage: bench_visible API_ADDRESS API_PORT DNS_PORT ZONE_ID CHANGES SETS (keys in "
            "AWS_…)\n",
            stderr);
        return 64;
    }
    const rota::aws::Credentials credentials{key_id, secret, "", std::nullopt};
    const std::string host = fmt::format("{}:{}", argv[1], argv[2]);
    const int api = connect_to(argv[1], argv[2], SOCK_STREAM);
    const int on = 1;
    ::setsockopt(api, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int dns = connect_to(argv[1], argv[3], SOCK_DGRAM);
    constexpr timeval kPatience{1, 0};
    ::setsockopt(dns, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    const std::size_t changes = std::strtoul(argv[5], nullptr, 10);
    const std::size_t sets = std::max<std::size_t>(1, std::strtoul(argv[6], nullptr, 10));
    std::vector<double> visible;
    std::vector<double> answered;
    for (std::size_t i = 0; i < changes; ++i) {
        const std::string label = fmt::format("v{:05}", i % sets);
        const std::string address = address_of(i + 1);
        const std::string text =
            request_text(host, argv[4], label + ".bench.test", address, credentials);
        const std::string query = query_for(label);
        const auto start = Clock::now();
        if (::write(api, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
            return 70;
        }
        await_address(dns, query, address);
        visible.push_back(Micros{Clock::now() - start}.count());
        read_answer(api);
        answered.push_back(Micros{Clock::now() - start}.count());
    }
    fmt::print(
        "{{\"changes\":{},\"visible_p50_us\":{:.0f},\"visible_p99_us\":{:.0f},\"api_p50_us\":{:.0f}"
        ",\"api_p99_us\":{:.0f}}}\n",
        changes, quantile(visible, 0.5), quantile(visible, 0.99), quantile(answered, 0.5),
        quantile(answered, 0.99));
}
