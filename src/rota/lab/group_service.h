#pragma once

#include <string>

#include "rota/base/error.h"
#include "rota/lab/group.h"

namespace rota::lab {

struct GroupOptions {
    std::string listen;  ///< "127.77.1.1:8055"
    GroupSettings group;
};

/// The `rota lab-group` process: the lab's Auto Scaling and EC2. The keys that requests are signed
/// by are those of its environment (AWS_ACCESS_KEY_ID and so on). Says "ready" on standard output
/// when it listens; then a line "ID STATE" for every change of a lifecycle state. On standard input
/// it takes "launch ID ADDRESS", "terminate ID", "gone ID" and "desired N"; the end of the input or
/// SIGTERM ends it.
Status run_group(const GroupOptions& options);

}  // namespace rota::lab
