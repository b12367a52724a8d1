# CPack: `./dev package` makes the deb from the build "deb", the rpm and the tarball from the build "static". All three pack what
# `cmake --install` installs; packaging/arrange.cmake then puts the examples where a deb and an rpm have them.
set(CPACK_PACKAGE_VENDOR rota)
set(CPACK_PACKAGE_CONTACT "the rota maintainers <maintainers@rota.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "balances load over a fleet of instances by DNS")
set(CPACK_PACKAGE_DESCRIPTION
    "An agent on each instance puts it into a set of weighted DNS records
when it is ready, keeps it there exactly while it is well, and takes it
out, drained, before it goes away. It speaks the Route 53 API: to Amazon
Route 53, or to rota's own authoritative name server.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/packaging/cpack.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/packaging/arrange.cmake)
set(CPACK_ROTA_SOURCE_DIR ${PROJECT_SOURCE_DIR})
set(CPACK_ROTA_PROCESSOR ${CMAKE_SYSTEM_PROCESSOR})
if(ROTA_SHARED_SECURITY)
    set(CPACK_GENERATOR DEB)
elseif(ROTA_STATIC)
    set(CPACK_GENERATOR RPM TGZ)
else()
    set(CPACK_GENERATOR TGZ)
endif()
include(CPack)
