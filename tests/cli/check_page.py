"""Reads the page that `mcunet profile --html` wrote and compares its tables with --json."""
import json
import sys
import xml.dom.minidom


def text(node):
    return node.data if node.nodeType == node.TEXT_NODE else "".join(map(text, node.childNodes))


def tables(page):
    """Rows by title of the section, each a dictionary by title of the column."""
    found = {}
    for section in page.getElementsByTagName("section"):
        for table in section.getElementsByTagName("table"):
            titles = [text(th) for th in table.getElementsByTagName("th")]
            rows = [[text(td) for td in tr.getElementsByTagName("td")]
                    for tr in table.getElementsByTagName("tr")]
            found[text(section.getElementsByTagName("h2")[0])] = [
                dict(zip(titles, row)) for row in rows if row]
    return found


def number(cell):
    return int(cell.replace(",", "") or 0)


def compare(rows, entries, columns):
    assert len(rows) == len(entries), (len(rows), len(entries))
    for row, entry in zip(rows, entries):
        for column, member in columns.items():
            assert number(row[column]) == entry[member], (row, entry)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        page = xml.dom.minidom.parseString(file.read().replace("<!doctype html>\n", ""))
    with open(sys.argv[2], encoding="utf-8") as file:
        document = json.load(file)
    found = tables(page)
    cycles = {"MACs": "macs", "SRAM": "sram", "flash": "flash", "cycles (est.)": "cycles"}
    compare(found["Layers"], document["layers"], cycles)
    compare(found["Blocks"], document["blocks"], cycles)
    compare(found["Kinds of operators"], document["operators"], cycles)
    compare(found["Schedules"][:-1], document["schedules"],
            {"SRAM": "sram", "arena": "arena", "cycles (est.)": "cycles"})
    words = text(page.documentElement)
    for figure in (document["sram"]["total"], document["flash"]["total"],
                   document["latency"]["cycles"]):
        assert f"{figure:,}" in words, figure
    assert f"{document['latency']['ms']:.1f} ms" in words
    print(f"{len(document['layers'])} layers, {len(document['blocks'])} blocks, "
          f"{len(document['operators'])} kinds, {len(document['schedules'])} schedules: "
          "as in the document")


main()
