# compile_in_batches(TARGET [EXCEPT SOURCE...]): several sources in one run of the compiler, since what they include takes
# longer than they do. Only where HV_BATCHES is on: other builds notice a file that lacks an #include of its own.
# Sources whose local names others of the target have, too, are compiled alone: EXCEPT names them.
option(HV_BATCHES "Compile several sources at once, for builds from nothing" OFF)

function(compile_in_batches target)
  cmake_parse_arguments(PARSE_ARGV 1 batches "" "" EXCEPT)
  if(HV_BATCHES)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    set_source_files_properties(${batches_EXCEPT} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    # gcc 12 has false alarms about std::expected where it sees that many functions at once.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()
