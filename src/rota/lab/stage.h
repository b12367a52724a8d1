#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"

// What must stand before the first instance is launched: a directory, a network, keys, the name
// server and the zone.
namespace rota::lab {

/// 127.77.N.0/24, held by a socket for as long as this lives, so that two labs never share one.
class LoopbackNetwork {
public:
    /// @errors unavailable: every N is taken.
    static Result<LoopbackNetwork> claim();

    /// "127.77.N.host"
    [[nodiscard]] std::string address(unsigned host) const;

private:
    Fd claim_;
    unsigned number_ = 0;
};

struct Credentials {
    std::string id;
    std::string secret;
};

/// The first port from `first` on that nobody uses on any address, for TCP and UDP.
/// @errors unavailable.
Result<std::uint16_t> free_port(std::uint16_t first);

class Stage {
public:
    /// Starts the name server in `directory` and creates the zone. Blocks for a few seconds at
    /// most; readability of `interrupt` (a signal's file descriptor) ends the wait.
    /// @errors those of its parts, with the end of their log.
    static Result<std::unique_ptr<Stage>> build(const RunSettings& settings, std::string directory,
                                                int interrupt);
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    Stage(Stage&&) = delete;
    Stage& operator=(Stage&&) = delete;
    /// Ends the name server.
    ~Stage();

    // Frozen once built.
    std::string directory;
    LoopbackNetwork network;
    Credentials credentials;
    std::uint16_t service_port = 0;
    std::uint16_t metadata_port = 0;
    std::string dns_address;  ///< "127.77.1.1:5300"
    std::string api_url;      ///< "http://127.77.1.1:8053"
    std::string group_url;    ///< "http://127.77.1.1:8055": Auto Scaling and EC2
    std::string zone;         ///< its name
    std::string zone_id;

    /// Readable when the name server has ended.
    [[nodiscard]] int server_exit_fd() const noexcept { return server_.exit_fd(); }

    /// Why the name server ended, with the end of its log; once it has.
    std::string explain_end();

    /// The environment of every child: nothing of ours but PATH and what sanitizers need.
    [[nodiscard]] static std::map<std::string, std::string> bare_environment();

private:
    explicit Stage(std::string where) : directory{std::move(where)} {}

    Status create_key();
    Status start_server(int interrupt);
    Status create_zone();

    Child server_;
};

/// "rota serve ended with exit status 69; the end of its log:\n…".
std::string with_log(const std::string& what, const std::string& log_path);

/// Waits until `fd` is readable: true; false when `timeout` has passed.
/// @errors unavailable: `interrupt` became readable first.
Result<bool> wait_readable(int fd, int interrupt, std::chrono::milliseconds timeout);

}  // namespace rota::lab
