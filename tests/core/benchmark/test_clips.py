"""Names of clips and their folders."""

from richspace_core.benchmark.clips import ClipName


def test_no_two_names_share_a_folder():
    names = ["Tiger+Zebra", "Tiger/Zebra", "Tiger:Zebra", "Tiger Zebra", "../Tiger", "虎", "馬", "x" * 80, "x" * 81]
    folders = [ClipName(name, "optimum", 0).folder for name in names]
    assert len({str(folder).lower() for folder in folders}) == len(names)
    assert all(len(folder.parts) == 2 and ".." not in folder.parts for folder in folders)
    assert str(ClipName("Tiger+Zebra", "direct", 1).folder.as_posix()) == "Tiger+Zebra/direct-seed1"


def test_no_folder_has_the_name_of_a_device_of_windows():
    assert ClipName("con", "optimum", 0).folder.parts[0].startswith("con-")
    assert ClipName("Contrast", "optimum", 0).folder.parts[0] == "Contrast"
