# Runs in CPack between the installation into a scratch folder and the packing. The notices of the libraries that are linked in
# are added; a deb and an rpm get the examples of share/rota where they belong.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY})

if(CPACK_GENERATOR STREQUAL "TGZ")
    set(doc ${root}/share/doc/rota)
else()
    set(doc ${root}/usr/share/doc/rota)
endif()

# The licences of what is linked in ask for their notices to come along (Boost's does not). They are the build machine's, as
# Debian keeps them.
set(libraries libfmt-dev libpugixml-dev libnghttp2-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev)
if(NOT CPACK_GENERATOR STREQUAL "DEB")
    list(APPEND libraries libssl-dev libsqlite3-dev)
endif()
set(notices "rota contains code of these libraries, under their own terms.\n")
foreach(library IN LISTS libraries)
    file(READ /usr/share/doc/${library}/copyright text)
    string(APPEND notices "\n==== ${library} ====\n\n${text}")
endforeach()
file(WRITE ${doc}/THIRD-PARTY-NOTICES "${notices}")

if(CPACK_GENERATOR STREQUAL "TGZ")
    return()
endif()

# move FROM TO [MODE]: from the examples to a place in the system.
set(examples ${root}/usr/share/rota)
function(move from to)
    get_filename_component(folder ${root}${to} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(RENAME ${examples}/${from} ${root}${to})
    if(ARGN)
        file(CHMOD ${root}${to} FILE_PERMISSIONS ${ARGN})
    endif()
endfunction()

if(CPACK_GENERATOR STREQUAL "DEB")
    set(environment /etc/default)
else()
    set(environment /etc/sysconfig)
endif()
foreach(service agent serve sweep)
    move(systemd/rota-${service}.service /usr/lib/systemd/system/rota-${service}.service)
    move(etc/${service}.toml /etc/rota/${service}.toml)
    # Private, because keys may stand there.
    move(default/rota-${service} ${environment}/rota-${service} OWNER_READ OWNER_WRITE)
endforeach()
move(preset/80-rota.preset /usr/lib/systemd/system-preset/80-rota.preset)
move(sysusers.d/rota.conf /usr/lib/sysusers.d/rota.conf)

set(packaging ${CPACK_ROTA_SOURCE_DIR}/packaging)
if(CPACK_GENERATOR STREQUAL "DEB")
    move(sysv/rota-agent /etc/init.d/rota-agent)
    file(MAKE_DIRECTORY ${root}/etc/needrestart/conf.d)
    file(COPY_FILE ${packaging}/deb/needrestart.conf ${root}/etc/needrestart/conf.d/rota.conf)
    file(REMOVE_RECURSE ${examples})
    file(COPY_FILE ${packaging}/deb/copyright ${doc}/copyright)
    file(REMOVE ${doc}/LICENSE)
    file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
    file(TIMESTAMP ${CPACK_ROTA_SOURCE_DIR}/CHANGELOG.md date "%a, %d %b %Y %H:%M:%S +0000" UTC)
    file(WRITE ${doc}/changelog.Debian "rota (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * See changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
    execute_process(COMMAND gzip -9n ${doc}/changelog ${doc}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
    file(MAKE_DIRECTORY ${root}/usr/share/lintian/overrides)
    file(COPY_FILE ${packaging}/deb/lintian-overrides ${root}/usr/share/lintian/overrides/rota)
else()
    # Every system that the rpm is for has systemd.
    foreach(gone systemd etc default preset sysusers.d)
        file(REMOVE_RECURSE ${examples}/${gone})
    endforeach()
    file(MAKE_DIRECTORY ${root}/usr/share/licenses/rota)
    file(RENAME ${doc}/LICENSE ${root}/usr/share/licenses/rota/LICENSE)
endif()

file(GLOB_RECURSE pages ${root}/usr/share/man/*.[1-8])
execute_process(COMMAND gzip -9n ${pages} COMMAND_ERROR_IS_FATAL ANY)
