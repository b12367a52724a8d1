#pragma once

#include <string>

#include "rota/base/error.h"
#include "rota/lab/metadata.h"

namespace rota::lab {

struct MetadataOptions {
    std::string listen;  ///< "127.77.1.11:1338"
    InstanceFacts facts;
};

/// The lab's stand-in for 169.254.169.254, the `rota lab-metadata` process of one instance. Says
/// "ready" on standard output when it listens; a line "set PATH VALUE" on standard input changes an
/// item, and the end of the input or SIGTERM ends it.
Status run_metadata(const MetadataOptions& options);

}  // namespace rota::lab
