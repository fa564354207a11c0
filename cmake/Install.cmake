# Headers keep their tree under include/wengert, so <wengert.h> and <autograd/op.h> work with one include folder.
include(CMakePackageConfigHelpers)

foreach(header IN LISTS WENGERT_PUBLIC_HEADERS)
    cmake_path(GET header PARENT_PATH folder)
    install(FILES "${PROJECT_SOURCE_DIR}/${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/wengert/${folder}")
endforeach()
install(TARGETS wengert wengert_static EXPORT wengertTargets)

# find_package(wengert)
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/wengert")
configure_package_config_file(cmake/wengertConfig.cmake.in wengertConfig.cmake INSTALL_DESTINATION "${package}")
write_basic_package_version_file(wengertConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT wengertTargets NAMESPACE wengert:: DESTINATION "${package}")
install(FILES "${PROJECT_BINARY_DIR}/wengertConfig.cmake" "${PROJECT_BINARY_DIR}/wengertConfigVersion.cmake"
              cmake/FindBLIS.cmake DESTINATION "${package}")

# pkg-config wengert: found from where the file itself lies, so the installed tree can be moved.
set(PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR fixed)
if(NOT fixed)
    file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" PC_PREFIX "\${pcfiledir}/${up}")
endif()
cmake_path(APPEND PC_LIBDIR "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND PC_INCLUDEDIR "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
cmake_path(GET BLIS_LIBRARY PARENT_PATH blis_folder)
set(PC_BLIS "-lblis")
if(NOT blis_folder IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    set(PC_BLIS "-L${blis_folder} -lblis")
endif()
configure_file(cmake/wengert.pc.in wengert.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/wengert.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
