"""Shows a page in headless Chromium: takes a screenshot, reads the console, tries the sorting."""
import os
import struct
import subprocess
import sys
import tempfile

# Clicks on the title of the layers' column of cycles; the outcome goes to the page's title.
PROBE = """<script>
var heads = Array.from(document.querySelectorAll("th")).filter(function (th) {
  return th.textContent === "cycles (est.)"; });
var body = heads[2].closest("table").tBodies[0];
function cell(i) { return Number(body.rows[i].cells[heads[2].cellIndex]
  .textContent.replace(/,/g, "")); }
heads[2].click(); var up = cell(0) + 1 <= cell(body.rows.length - 1);
heads[2].click(); var down = cell(0) >= cell(body.rows.length - 1) + 1;
console.log(up && down ? "probe: sorted" : "probe: not sorted");
</script>"""


def chromium(page, folder, *options):
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
               "--disable-dev-shm-usage", f"--user-data-dir={folder}/browser",
               "--enable-logging=stderr", *options, "file://" + os.path.abspath(page)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return [line for line in result.stderr.splitlines() if "CONSOLE" in line]


def main():
    with tempfile.TemporaryDirectory() as folder:
        picture = folder + "/page.png"
        messages = chromium(sys.argv[1], folder, "--window-size=1280,3000",
                            "--screenshot=" + picture)
        assert not messages, messages
        with open(picture, "rb") as file:
            data = file.read()
        width, height = struct.unpack(">II", data[16:24])
        assert len(data) > 100_000, "the picture is empty"
        probed = folder + "/probed.html"
        with open(sys.argv[1], encoding="utf-8") as source, open(probed, "w",
                                                                 encoding="utf-8") as target:
            target.write(source.read().replace("</body>", PROBE + "</body>"))
        messages = chromium(probed, folder, "--window-size=1280,3000",
                            "--screenshot=" + folder + "/probed.png")
        assert len(messages) == 1 and "probe: sorted" in messages[0], messages
    print(f"screenshot {width}x{height}, nothing on the console, sorted")


main()
