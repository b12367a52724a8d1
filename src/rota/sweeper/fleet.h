#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"
#include "rota/sweeper/witnesses.h"

// Who knows which instances there are: a list that was given, a file that somebody keeps, an AWS
// API (fleet_aws.h).
namespace rota::sweeper {

class FleetSource {
public:
    FleetSource() = default;
    virtual ~FleetSource() = default;
    FleetSource(const FleetSource&) = delete;
    FleetSource& operator=(const FleetSource&) = delete;
    FleetSource(FleetSource&&) = delete;
    FleetSource& operator=(FleetSource&&) = delete;

    /// Asks once. @param members  whom the answer must cover; it may cover others.
    /// @errors whatever kept it from an answer; nothing is concluded then.
    virtual Result<Fleet> poll(std::span<const std::string> members) = 0;
};

/// Instances that run as long as the sweeper does.
class FleetList : public FleetSource {
public:
    explicit FleetList(std::vector<std::string> instances);

    Result<Fleet> poll(std::span<const std::string> members) override;

private:
    Fleet fleet_;
};

/// A file with an instance id a line; "i-0abc terminated" is one that has ended. Empty lines and
/// what follows a `#` are passed over. It is read at every poll, so replace it as a whole (mv).
class FleetFile : public FleetSource {
public:
    explicit FleetFile(std::string path);

    /// @errors io, permission, not_found: the file; bad_input: names the line.
    Result<Fleet> poll(std::span<const std::string> members) override;

private:
    std::string path_;
};

/// The text of a fleet file. @errors bad_input: "FILE:LINE: what".
Result<Fleet> parse_fleet(std::string_view text, std::string_view file);

enum class FleetKind : std::uint8_t { list, file, ec2, auto_scaling };

/// Which fleet is to be asked, as configured.
struct FleetChoice {
    FleetKind kind = FleetKind::list;
    std::vector<std::string> values;  ///< the instances; the path; nothing; the groups
};

/// Reads "list:ID,ID,…", "file:PATH", "ec2" or "asg:GROUP,GROUP,…".
/// @errors config: names the text and what is allowed.
Result<FleetChoice> parse_fleet_choice(std::string_view text);

}  // namespace rota::sweeper
