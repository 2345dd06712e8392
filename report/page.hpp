#pragma once

// The fixed parts of the page.

#include <string>

#include "report/format.hpp"

namespace steelyard {

/// From the document's start to its heading. @param title  escaped
std::string page_start(const std::string& title, Language language = Language::en);
/// From the end of the content to that of the document.
std::string page_end();

}  // namespace steelyard
