# Debian packages: `cpack -G DEB` in a build of the release preset makes hv, hvctl and libhvctl-dev.
install(PROGRAMS ${PROJECT_SOURCE_DIR}/hv/grub/20_hv DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/grub.d COMPONENT hv)
foreach(example hello.yaml vps.yaml)
  if(EXISTS ${PROJECT_SOURCE_DIR}/examples/${example})
    install(FILES ${PROJECT_SOURCE_DIR}/examples/${example} DESTINATION ${CMAKE_INSTALL_DATADIR}/hvctl/examples COMPONENT hvctl)
  endif()
endforeach()
install(PROGRAMS ${PROJECT_SOURCE_DIR}/examples/make-hello-initrd ${PROJECT_SOURCE_DIR}/examples/make-vps-image
        ${PROJECT_SOURCE_DIR}/examples/start-vps DESTINATION ${CMAKE_INSTALL_DATADIR}/hvctl/examples COMPONENT hvctl)
# Where administrators put the definitions of their domains.
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/hvctl/domains COMPONENT hvctl)
foreach(component hv hvctl libhvctl-dev)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${component} RENAME copyright
          COMPONENT ${component})
  # Debian's policy wants a changelog; what changed is in the repository's history.
  set(changelog ${PROJECT_BINARY_DIR}/${component}.changelog)
  configure_file(${PROJECT_SOURCE_DIR}/.cmake/debian/changelog.in ${changelog} @ONLY)
  execute_process(COMMAND gzip -9nkf ${changelog} COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${changelog}.gz DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${component} RENAME changelog.gz COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL hv hvctl libhvctl-dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGE_CONTACT "hv maintainers <maintainers@hv.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/.cmake/compress-manuals.cmake)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_STRIP_FILES ON) # of hvctld and hvctl; hv's image is made stripped
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(scripts ${PROJECT_SOURCE_DIR}/.cmake/debian)

set(CPACK_DEBIAN_HV_PACKAGE_NAME hv)
set(CPACK_DEBIAN_HV_DESCRIPTION "type-1 hypervisor with Xen's guest interface\n\
hv owns the machine from the boot loader on and runs a Debian kernel,\n\
unchanged, as its first guest (Dom0). It offers guests Xen's public PV\n\
interface. This package has the image and GRUB menu entries for it.")
set(CPACK_DEBIAN_HV_PACKAGE_SECTION kernel)
set(CPACK_DEBIAN_HV_PACKAGE_RECOMMENDS "hvctl, grub2-common")
set(CPACK_DEBIAN_HV_PACKAGE_CONTROL_EXTRA ${scripts}/hv/conffiles ${scripts}/hv/postinst ${scripts}/hv/postrm)

set(CPACK_DEBIAN_HVCTL_PACKAGE_NAME hvctl)
set(CPACK_DEBIAN_HVCTL_DESCRIPTION "daemon and command line to run guests on hv\n\
hvctld builds and watches guests, keeps their consoles and serves the\n\
store that guests and Xen's own clients use; hvctl is its command line,\n\
its interface is D-Bus.")
set(CPACK_DEBIAN_HVCTL_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_HVCTL_PACKAGE_DEPENDS "busybox-static | busybox, dnsmasq-base, grub-xen-host, init-system-helpers (>= 1.52)")
set(CPACK_DEBIAN_HVCTL_PACKAGE_RECOMMENDS "hv, qemu-system-common")
set(CPACK_DEBIAN_HVCTL_PACKAGE_SUGGESTS "lvm2, polkitd, qemu-utils, xenstore-utils")
set(CPACK_DEBIAN_HVCTL_PACKAGE_CONTROL_EXTRA ${scripts}/hvctl/conffiles ${scripts}/hvctl/postinst ${scripts}/hvctl/prerm ${scripts}/hvctl/postrm)

set(CPACK_DEBIAN_LIBHVCTL-DEV_PACKAGE_NAME libhvctl-dev)
set(CPACK_DEBIAN_LIBHVCTL-DEV_DESCRIPTION "C++ library to control hv: development files\n\
libhvctl wraps hv's control hypercall, foreign memory, event channels and\n\
grants, loads kernels and builds guests.")
set(CPACK_DEBIAN_LIBHVCTL-DEV_PACKAGE_SECTION libdevel)
# A static library: what it is linked with, and what its pkg-config file names.
set(CPACK_DEBIAN_LIBHVCTL-DEV_PACKAGE_DEPENDS "libarchive-dev, libfmt-dev")

include(CPack)
