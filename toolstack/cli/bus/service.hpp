// What systemd says of hvctld.
#pragma once

namespace hvctl::cli {

// Whether hvctld is up or on its way, as when it was just killed and is started again. False also where there is no way
// to tell.
bool service_is_coming();

}  // namespace hvctl::cli
