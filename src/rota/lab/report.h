#pragma once

#include <string>

#include "rota/base/error.h"
#include "rota/lab/record.h"

namespace rota::lab {

/// The whole report as one HTML page: inline style and SVG, no scripts, nothing from outside.
std::string report_html(const RunRecord& record, const std::string& made_at);

/// Tries whether a report can be written there, leaving nothing: a run of minutes is not for
/// nothing. @errors io, permission: name the path.
Status check_report_path(const std::string& path);

/// Writes the page to `path`, whole or not at all. @errors io: names the path.
Status write_report(const RunRecord& record, const std::string& made_at, const std::string& path);

}  // namespace rota::lab
