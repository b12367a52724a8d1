# What differs by kind of package; read by CPack once for each.
set(packaging ${CPACK_ROTA_SOURCE_DIR}/packaging)

if(CPACK_GENERATOR STREQUAL "DEB")
    set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
    set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
    set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
    set(CPACK_DEBIAN_PACKAGE_SECTION net)
    set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
    set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
    set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
        ${packaging}/deb/postinst ${packaging}/deb/prerm ${packaging}/deb/postrm ${packaging}/deb/conffiles)
    set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
    set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
elseif(CPACK_GENERATOR STREQUAL "RPM")
    set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
    set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
    set(CPACK_RPM_PACKAGE_RELEASE 1)
    set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
    set(CPACK_RPM_PACKAGE_GROUP "System Environment/Daemons")
    set(CPACK_RPM_PACKAGE_RELOCATABLE OFF)
    set(CPACK_RPM_COMPRESSION_TYPE xz)
    set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${packaging}/rpm/post)
    set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${packaging}/rpm/preun)
    set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${packaging}/rpm/postun)
    set(CPACK_RPM_USER_FILELIST
        "%config(noreplace) /etc/rota/agent.toml"
        "%config(noreplace) /etc/rota/serve.toml"
        "%config(noreplace) /etc/rota/sweep.toml"
        "%config(noreplace) /etc/sysconfig/rota-agent"
        "%config(noreplace) /etc/sysconfig/rota-serve"
        "%config(noreplace) /etc/sysconfig/rota-sweep"
        "%license /usr/share/licenses/rota/LICENSE")
    set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
        /etc /etc/sysconfig /usr/lib/systemd /usr/lib/systemd/system /usr/lib/systemd/system-preset /usr/lib/sysusers.d
        /usr/share/bash-completion /usr/share/bash-completion/completions /usr/share/licenses /usr/share/man /usr/share/man/man1)
    # No links below /usr/lib/.build-id: the program is stripped.
    set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none")
else()
    string(TOLOWER "${CPACK_PACKAGE_NAME}-${CPACK_PACKAGE_VERSION}-linux-${CPACK_ROTA_PROCESSOR}" CPACK_PACKAGE_FILE_NAME)
    set(CPACK_PACKAGING_INSTALL_PREFIX /)
endif()
