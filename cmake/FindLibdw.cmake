# Libdw::Libdw, of elfutils: reads debug information.
include(FindPackageHandleStandardArgs)
find_path(LIBDW_INCLUDE_DIR elfutils/libdwfl.h)
find_library(LIBDW_LIBRARY dw)
mark_as_advanced(LIBDW_INCLUDE_DIR LIBDW_LIBRARY)
find_package_handle_standard_args(Libdw REQUIRED_VARS LIBDW_LIBRARY LIBDW_INCLUDE_DIR)
if(Libdw_FOUND AND NOT TARGET Libdw::Libdw)
    add_library(Libdw::Libdw UNKNOWN IMPORTED)
    set_target_properties(Libdw::Libdw PROPERTIES IMPORTED_LOCATION "${LIBDW_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${LIBDW_INCLUDE_DIR}")
endif()
