#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/sweeper/watch.h"
#include "rota/sweeper/witnesses.h"

// What a sweeper knows that takes time to learn, in a file, so that a restart does not lose it: who
// was seen alive, who held a lease, since when members are known, what the fleet has said once.
// Rows of failed probes and leases that ran out are not kept: those witnesses are asked again at
// once.
namespace rota::sweeper {

/// What one sweeper takes over from the one before it.
struct Remembered {
    std::map<std::string, RotaMemory, std::less<>> rotas;  ///< by key_of(); without record sets
    std::optional<BootTime> polled;                        ///< when the fleet was last asked
};

/// "ZONE NAME TYPE", the zone as it was given.
std::string key_of(const Rota& rota);

/// The memories as one line of JSON, docs/sweep.md.
/// @param boot  what tells this boot of the machine from others: its times mean nothing to them.
std::string memory_text(const std::map<std::string, const RotaMemory*, std::less<>>& rotas,
                        std::optional<BootTime> polled, std::string_view boot);

/// Reads it back. Nothing in it makes a member older than this boot, or is later than `now`. Of
/// another boot only what has no time is taken over: who was alive, who held a lease, who was
/// terminated; all are young again.
/// @errors bad_input: it is not such a text, as a whole.
Result<Remembered> parse_memory(std::string_view text, std::string_view boot, BootTime now);

/// The file of one sweeper.
class MemoryFile {
public:
    explicit MemoryFile(std::string path);

    /// What is in it; nothing remembered where there is none.
    /// @errors permission, bad_input, io: names the file; begin anew then.
    [[nodiscard]] Result<Remembered> read(BootTime now) const;

    /// Replaces it, if there is anything new. @errors io, permission.
    Status write(const std::map<std::string, const RotaMemory*, std::less<>>& rotas,
                 std::optional<BootTime> polled);

private:
    std::string path_;
    std::string boot_;
    std::string written_;
};

}  // namespace rota::sweeper
