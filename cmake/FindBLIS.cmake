# BLIS::BLIS, BLIS_VERSION and BLIS_THREADING. Include <blis.h>; never cblas.h, which may be another library's.
# Looks under BLIS_ROOT, else for the serial build (we bring our own threads), else for what there is.
include(FindPackageHandleStandardArgs)

set(_blis_roots ${BLIS_ROOT} $ENV{BLIS_ROOT})
if(_blis_roots)
    find_path(BLIS_INCLUDE_DIR blis.h PATHS ${_blis_roots} NO_DEFAULT_PATH PATH_SUFFIXES include/blis include)
    find_library(BLIS_LIBRARY blis PATHS ${_blis_roots} NO_DEFAULT_PATH
                 PATH_SUFFIXES lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE})
else()
    find_path(BLIS_SERIAL_PARENT blis-serial/blis.h)   # as Debian has it
    if(BLIS_SERIAL_PARENT)
        find_path(BLIS_INCLUDE_DIR blis.h PATHS "${BLIS_SERIAL_PARENT}/blis-serial" NO_DEFAULT_PATH)
    endif()
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(PC_BLIS QUIET blis)          # as upstream has it
    endif()
    find_path(BLIS_INCLUDE_DIR blis.h HINTS ${PC_BLIS_INCLUDE_DIRS} PATH_SUFFIXES blis blis-openmp blis-pthread)
    # Header and library must be of one build: Debian names both folders alike.
    cmake_path(GET BLIS_INCLUDE_DIR FILENAME _blis_flavour)
    find_library(BLIS_LIBRARY blis HINTS ${PC_BLIS_LIBRARY_DIRS} PATH_SUFFIXES ${_blis_flavour})
endif()
mark_as_advanced(BLIS_INCLUDE_DIR BLIS_LIBRARY BLIS_SERIAL_PARENT)

if(BLIS_INCLUDE_DIR AND BLIS_LIBRARY AND NOT TARGET BLIS::BLIS)
    add_library(BLIS::BLIS UNKNOWN IMPORTED)
    set_target_properties(BLIS::BLIS PROPERTIES IMPORTED_LOCATION "${BLIS_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${BLIS_INCLUDE_DIR}" INTERFACE_LINK_LIBRARIES "m;-pthread")
endif()

# A program that multiplies two matrices and tells what it ran on: the proof that header and library fit.
set(_blis_probe [[
#include <blis.h>
#include <stdio.h>
int main(void) {
    double one = 1, zero = 0, a[] = { 1, 2, 3, 4 }, b[] = { 5, 6, 7, 8 }, c[4];
    bli_dgemm(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, 2, 2, 2, &one, a, 2, 1, b, 2, 1, &zero, c, 2, 1);
    printf("%s;%s", bli_info_get_version_str(),
           bli_info_get_enable_openmp() ? "openmp" : bli_info_get_enable_pthreads() ? "pthread" : "serial");
    return !(c[0] == 19 && c[1] == 22 && c[2] == 43 && c[3] == 50);
}
]])

# Once per library: BLIS_WORKS remembers the one that passed. A project without C, or built for another machine,
# cannot run it and goes unproven.
get_property(_blis_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if(CMAKE_CROSSCOMPILING OR NOT C IN_LIST _blis_languages)
    set(BLIS_WORKS "${BLIS_LIBRARY}")
elseif(TARGET BLIS::BLIS AND NOT BLIS_WORKS STREQUAL BLIS_LIBRARY)
    try_run(_blis_status _blis_built SOURCE_FROM_VAR probe.c _blis_probe LINK_LIBRARIES BLIS::BLIS NO_CACHE
            COMPILE_OUTPUT_VARIABLE _blis_log RUN_OUTPUT_VARIABLE _blis_told)
    if(_blis_built AND _blis_status EQUAL 0)
        list(POP_FRONT _blis_told _blis_version _blis_threading)
        set(BLIS_VERSION "${_blis_version}" CACHE INTERNAL "")
        set(BLIS_THREADING "${_blis_threading}" CACHE INTERNAL "")
        set(BLIS_WORKS "${BLIS_LIBRARY}" CACHE INTERNAL "")
    else()
        set(BLIS_WORKS "BLIS_WORKS-NOTFOUND" CACHE INTERNAL "")
        set(_blis_reason REASON_FAILURE_MESSAGE
            "${BLIS_LIBRARY} with ${BLIS_INCLUDE_DIR}/blis.h does not multiply two matrices\n${_blis_log}")
    endif()
endif()

find_package_handle_standard_args(BLIS REQUIRED_VARS BLIS_LIBRARY BLIS_INCLUDE_DIR BLIS_WORKS
                                  VERSION_VAR BLIS_VERSION ${_blis_reason})
if(BLIS_FOUND AND NOT BLIS_FIND_QUIETLY)
    message(STATUS "BLIS ${BLIS_VERSION}, threading: ${BLIS_THREADING}")
endif()
