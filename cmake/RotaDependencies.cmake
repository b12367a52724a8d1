# The libraries, all from Debian 12. With ROTA_STATIC everything but glibc and libgcc_s is linked in (for the rpm and the tarball, which run
# wherever glibc is 2.34 or later); otherwise the distribution's shared libraries are used. With ROTA_SHARED_SECURITY besides, OpenSSL and
# SQLite alone are the distribution's (for the deb): its updates of them reach rota, and the libraries whose names change with every
# release (libfmt, libpugixml) tie the package to none.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(pugixml REQUIRED)
find_path(ROTA_NGHTTP2_INCLUDE nghttp2/nghttp2.h REQUIRED)

add_library(rota_fmt INTERFACE)
if(ROTA_STATIC)
    set(shared_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
    set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
    find_library(ROTA_PUGIXML pugixml REQUIRED)
    set_target_properties(pugixml::shared PROPERTIES IMPORTED_LOCATION_NONE ${ROTA_PUGIXML})
    # Debian has no static libfmt.
    target_link_libraries(rota_fmt INTERFACE fmt::fmt-header-only)
    # libgcc_s stays shared: it is wherever glibc is, and GCC 12's static one needs a symbol of glibc 2.35.
    target_link_options(rota_flags INTERFACE -static-libstdc++)
else()
    target_link_libraries(rota_fmt INTERFACE fmt::fmt)
endif()
find_library(ROTA_NGHTTP2 nghttp2 REQUIRED)
add_library(rota_nghttp2 INTERFACE)
target_link_libraries(rota_nghttp2 INTERFACE ${ROTA_NGHTTP2})
target_include_directories(rota_nghttp2 SYSTEM INTERFACE ${ROTA_NGHTTP2_INCLUDE})
if(ROTA_STATIC AND ROTA_SHARED_SECURITY)
    set(CMAKE_FIND_LIBRARY_SUFFIXES ${shared_suffixes})
elseif(ROTA_STATIC)
    set(OPENSSL_USE_STATIC_LIBS TRUE)
endif()
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
if(ROTA_STATIC AND NOT ROTA_SHARED_SECURITY)
    set(CMAKE_FIND_LIBRARY_SUFFIXES ${shared_suffixes})
    # What the static SQLite needs besides.
    set_property(TARGET SQLite::SQLite3 APPEND PROPERTY INTERFACE_LINK_LIBRARIES m ${CMAKE_DL_LIBS})
endif()
