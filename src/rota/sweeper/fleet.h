#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"
#include "rota/sweeper/witnesses.h"

// Who knows which instances there are: a list that was given, a file that somebody keeps.
namespace rota::sweeper {

class FleetSource {
public:
    FleetSource() = default;
    virtual ~FleetSource() = default;
    FleetSource(const FleetSource&) = delete;
    FleetSource& operator=(const FleetSource&) = delete;
    FleetSource(FleetSource&&) = delete;
    FleetSource& operator=(FleetSource&&) = delete;

    /// Asks once. @errors whatever kept it from an answer; nothing is concluded then.
    virtual Result<Fleet> poll() = 0;
};

/// Instances that run as long as the sweeper does.
class FleetList : public FleetSource {
public:
    explicit FleetList(std::vector<std::string> instances);

    Result<Fleet> poll() override;

private:
    Fleet fleet_;
};

/// A file with an instance id a line; "i-0abc terminated" is one that has ended. Empty lines and
/// what follows a `#` are passed over. It is read at every poll, so replace it as a whole (mv).
class FleetFile : public FleetSource {
public:
    explicit FleetFile(std::string path);

    /// @errors io, permission, not_found: the file; bad_input: names the line.
    Result<Fleet> poll() override;

private:
    std::string path_;
};

/// The text of a fleet file. @errors bad_input: "FILE:LINE: what".
Result<Fleet> parse_fleet(std::string_view text, std::string_view file);

/// Reads "list:ID,ID,…" or "file:PATH". @errors config: names the text and what is allowed.
Result<std::unique_ptr<FleetSource>> make_fleet_source(std::string_view text);

}  // namespace rota::sweeper
