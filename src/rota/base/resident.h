#pragma once

namespace rota {

/// Lets go of the program's own pages, which come back from the page cache one by one as they are
/// used. A daemon calls it when its start is over: what only the start needed (options,
/// configuration, the first of everything) then weighs on nobody. Data stay.
void let_go_of_program_pages() noexcept;

}  // namespace rota
