#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"

// An operator's file: while it is there, the instance is to be out of its rotas. `touch` makes one;
// `rota drain` has the agent write one, so that a drain outlives the agent.
namespace rota::instance {

struct DrainOrder {
    std::optional<WallTime> until;  ///< empty: until the file is removed
    bool takes_last = false;        ///< out even as the last member
    std::string reason;

    friend bool operator==(const DrainOrder&, const DrainOrder&) = default;
};

/// Reads lines `until=2026-11-22T23:00:00Z`, `last=remove` and `reason=TEXT`; every other line is
/// taken for a reason. Never fails: whoever made the file wants the instance out.
DrainOrder parse_drain_order(std::string_view text);

/// The text that parse_drain_order reads back. A line break in the reason becomes a space.
std::string to_text(const DrainOrder& order);

/// Nothing when there is no file. @errors io, permission: names the file.
Result<std::optional<DrainOrder>> read_drain_file(const std::string& path);

/// Replaces the file whole, and makes its directory (0755) when that is missing.
/// @errors io, permission: names the file.
Status write_drain_file(const std::string& path, const DrainOrder& order);

/// One that is not there is removed already. @errors io, permission: names the file.
Status remove_drain_file(const std::string& path);

/// Tells of changes in the directory of a file by inotify.
class DirectoryWatch {
public:
    /// Makes the directory (0755) when it is missing. @errors io, permission: names the directory.
    static Result<DirectoryWatch> open(const std::string& file);

    /// Readable when something in the directory has changed.
    [[nodiscard]] int descriptor() const noexcept { return inotify_.get(); }

    /// Forgets what has been told.
    void clear() const;

private:
    explicit DirectoryWatch(Fd inotify) : inotify_{std::move(inotify)} {}

    Fd inotify_;
};

}  // namespace rota::instance
