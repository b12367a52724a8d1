# rota_python_test(conformance_dig FILE test_dig.py LABELS conformance [TIMEOUT s] [COST s] [SERIAL]): a file of unittest as one
# test. COST is about how long it takes: ctest starts the longest first, so that none of them ends alone.
# The program under test is named in ROTA. Debian's own interpreter: it is the one that has boto3, boto and botocore.
find_program(ROTA_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

function(rota_python_test name)
    cmake_parse_arguments(arg "SERIAL" "FILE;TIMEOUT;COST" "LABELS;ENVIRONMENT" ${ARGN})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    add_test(NAME ${name} COMMAND ${ROTA_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/${arg_FILE})
    # Deadlines are for a loaded machine already; a sanitizer needs more.
    set(slow 1)
    if(ROTA_SANITIZE)
        set(slow 4)
    endif()
    set(environment
        ROTA_TEST_SLOW=${slow}
        ROTA=$<TARGET_FILE:rota>
        ROTA_SOURCE_DIR=${PROJECT_SOURCE_DIR}
        PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/conformance:${PROJECT_SOURCE_DIR}/tests/system
        PYTHONDONTWRITEBYTECODE=1
        ${arg_ENVIRONMENT})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${environment}")
    if(arg_COST)
        set_tests_properties(${name} PROPERTIES COST ${arg_COST})
    endif()
    if(arg_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
endfunction()
