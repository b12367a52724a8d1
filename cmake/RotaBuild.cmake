# Flags that every target shares, and the three kinds of target: a folder of src/rota, a test, a fuzz target.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(ROTA_CCACHE ccache)
if(ROTA_CCACHE)
    # Precompiled headers need the sloppiness; the base folder lets several checkouts share one cache.
    set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${ROTA_CCACHE})
endif()

find_program(ROTA_MOLD mold)

add_library(rota_flags INTERFACE)
target_include_directories(rota_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(rota_flags INTERFACE ROTA_VERSION="${PROJECT_VERSION}")
target_compile_options(rota_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Wnull-dereference -Wvla -fno-omit-frame-pointer
    # Designated initialisers leave members out on purpose.
    -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(rota_flags INTERFACE $<$<BOOL:${ROTA_PCH}>:-fpch-preprocess>)
    target_compile_options(rota_flags INTERFACE -Wuseless-cast -Wduplicated-cond -Wlogical-op)
endif()
if(ROTA_WERROR)
    target_compile_options(rota_flags INTERFACE -Werror)
endif()
if(ROTA_SANITIZE)
    target_compile_options(rota_flags INTERFACE -fsanitize=${ROTA_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(rota_flags INTERFACE -fsanitize=${ROTA_SANITIZE})
    if(ROTA_SANITIZE MATCHES thread)
        # TSan does not understand fences. Asio's guard what its mutexes order as well.
        target_compile_definitions(rota_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
    endif()
endif()
if(ROTA_FUZZ)
    target_compile_options(rota_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(ROTA_MOLD AND NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    target_link_options(rota_flags INTERFACE -fuse-ld=mold)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(rota_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS
        -fstack-protector-strong -fstack-clash-protection)
    target_link_options(rota_flags INTERFACE -Wl,-z,relro,-z,now,--gc-sections)
endif()

# rota_library(dns SOURCES name.cpp … LINKS base …): the target rota_dns for the folder src/rota/dns.
# LINKS names other folders (rota_NAME) or library targets.
function(rota_library name)
    cmake_parse_arguments(arg "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
    add_library(rota_${name} STATIC ${arg_SOURCES})
    target_link_libraries(rota_${name} PUBLIC rota_flags rota_fmt)
    foreach(link IN LISTS arg_LINKS)
        if(TARGET rota_${link})
            target_link_libraries(rota_${name} PUBLIC rota_${link})
        else()
            target_link_libraries(rota_${name} PUBLIC ${link})
        endif()
    endforeach()
    if(arg_PRIVATE_LINKS)
        target_link_libraries(rota_${name} PRIVATE ${arg_PRIVATE_LINKS})
    endif()
    rota_precompile(rota_${name})
endfunction()

function(rota_precompile target)
    if(NOT ROTA_PCH)
        return()
    endif()
    if(target STREQUAL "rota_base")
        target_precompile_headers(rota_base PRIVATE <algorithm> <array> <chrono> <cstdint> <expected> <functional>
            <map> <memory> <optional> <span> <string> <string_view> <utility> <variant> <vector> <fmt/format.h>)
    else()
        target_precompile_headers(${target} REUSE_FROM rota_base)
    endif()
endfunction()
