# How everything here is compiled: wengert_house(target) for all, wengert_kernel_flags(pattern…) for hot loops.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(WENGERT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wvla)
if(WENGERT_WERROR)
    list(APPEND WENGERT_WARNINGS -Werror)
endif()

# Sanitizers go to every compile and link alike: half-instrumented programs report nonsense.
set(WENGERT_INSTRUMENT "")
if(WENGERT_SANITIZE)
    set(WENGERT_INSTRUMENT -fsanitize=${WENGERT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()
if(WENGERT_COVERAGE)
    list(APPEND WENGERT_INSTRUMENT -fprofile-instr-generate -fcoverage-mapping)
endif()
if(WENGERT_LIBFUZZER AND NOT DEFINED ENV{LIB_FUZZING_ENGINE})   # whose owner sets all flags
    list(APPEND WENGERT_INSTRUMENT -fsanitize=fuzzer-no-link)
endif()

function(wengert_house target)
    set_target_properties(${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
    target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
    target_compile_options(${target} PRIVATE ${WENGERT_WARNINGS} ${WENGERT_INSTRUMENT})
    target_link_options(${target} PRIVATE ${WENGERT_INSTRUMENT})
endfunction()

# libFuzzer looks at every comparison, to find magic words in files. Numbers have none, and it takes half of the time.
function(wengert_compare_untraced target)
    if(WENGERT_LIBFUZZER AND NOT DEFINED ENV{LIB_FUZZING_ENGINE})
        target_compile_options(${target} PRIVATE -fno-sanitize-coverage=trace-cmp,trace-div,trace-gep)
    endif()
endfunction()

# The loops are written to be vectorised. -ffast-math stays out: it would break every NaN check.
function(wengert_kernel_flags)
    set(flags -fno-math-errno -fno-trapping-math -ffp-contract=fast)
    if(NOT WENGERT_INSTRUMENT)
        list(PREPEND flags "$<$<NOT:$<CONFIG:Debug>>:-O3>")
    endif()
    file(GLOB kernels CONFIGURE_DEPENDS ${ARGN})
    set_source_files_properties(${kernels} PROPERTIES COMPILE_OPTIONS "${flags}")
endfunction()

# The environment of every test: numbers do not depend on the machine's cores, and an absurd allocation
# fails as malloc does instead of ending the program. ASan sees leaks only in a test that does not fork.
set(WENGERT_TEST_ENVIRONMENT BLIS_NUM_THREADS=1 OMP_NUM_THREADS=1)
if(WENGERT_COVERAGE)   # a forked test that is killed would not write what it has counted
    list(APPEND WENGERT_TEST_ENVIRONMENT CK_FORK=no "LLVM_PROFILE_FILE=${PROJECT_BINARY_DIR}/profile/%2m.profraw")
endif()
if(WENGERT_SANITIZE)
    list(APPEND WENGERT_TEST_ENVIRONMENT CK_FORK=no "ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1"
         "UBSAN_OPTIONS=print_stacktrace=1")
endif()
