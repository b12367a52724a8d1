#include "rota/server/port_holder.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "rota/server/endpoint.h"

namespace rota::server {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListening = "0A";  // TCP_LISTEN in /proc/net/tcp

/// The inodes of the sockets of one /proc/net table that are bound to a port.
void collect_inodes(const char* table, std::uint16_t port, bool listening_only,
                    std::set<std::string>& inodes) {
    std::ifstream file{table};
    std::string line;
    std::getline(file, line);  // the heading
    const std::string suffix = fmt::format(":{:04X}", port);
    while (std::getline(file, line)) {
        // sl local_address rem_address st queues timer retransmits uid timeout inode …
        std::istringstream fields{line};
        std::string sl;
        std::string local;
        std::string remote;
        std::string state;
        std::string skip;
        std::string inode;
        fields >> sl >> local >> remote >> state >> skip >> skip >> skip >> skip >> skip >> inode;
        if (local.ends_with(suffix) && (!listening_only || state == kListening)) {
            inodes.insert(fmt::format("socket:[{}]", inode));
        }
    }
}

bool has_any_open(const fs::path& process, const std::set<std::string>& inodes) {
    std::error_code error;
    for (const auto& fd : fs::directory_iterator{process / "fd", error}) {
        const fs::path target = fs::read_symlink(fd.path(), error);
        if (!error && inodes.contains(target.string())) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::string holder_of(Socket kind, const Endpoint& endpoint) {
    std::set<std::string> inodes;
    const bool is_tcp = kind == Socket::tcp;
    for (const char* const table : {is_tcp ? "/proc/net/tcp" : "/proc/net/udp",
                                    is_tcp ? "/proc/net/tcp6" : "/proc/net/udp6"}) {
        collect_inodes(table, endpoint.port(), is_tcp, inodes);
    }
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{"/proc", error}) {
        const std::string pid = entry.path().filename().string();
        const bool is_process = pid.find_first_not_of("0123456789") == std::string::npos;
        if (inodes.empty() || !is_process || !has_any_open(entry.path(), inodes)) {
            continue;
        }
        std::string name;
        std::ifstream{entry.path() / "comm"} >> name;
        return fmt::format("process {} ({})", pid, name);
    }
    return {};
}

}  // namespace rota::server
