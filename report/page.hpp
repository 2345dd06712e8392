#pragma once

// The fixed parts of the page.

namespace steelyard {

extern const char* const kStyle;
/// Filters the rows of a table by the text of the field above it, and sorts by a clicked heading.
extern const char* const kScript;

}  // namespace steelyard
