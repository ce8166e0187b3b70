{
  "targets": [
    {
      "target_name": "fsnoop",
      "sources": [
        "addon.cc",
        "btf.cc",
        "errors.cc",
        "object.cc",
        "programs.cc",
        "link.cc",
        "ring.cc",
        "code-arm64.cc",
        "code-x64.cc",
        "disassemble.cc",
        "kallsyms.cc"
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")"],
      "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS"],
      "libraries": ["-lbpf", "-lcapstone"]
    },
    {
      "target_name": "launch",
      "type": "executable",
      "sources": ["launch.c"],
      "cflags": ["-O2", "-Wall", "-Wextra"]
    },
    {
      "target_name": "watchdog",
      "type": "executable",
      "sources": ["watchdog.c"],
      "cflags": ["-O2", "-Wall", "-Wextra"]
    }
  ]
}
