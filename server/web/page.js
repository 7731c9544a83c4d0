// SPDX-License-Identifier: MIT
// page.js - the script of the web page. The page needs none yet.
