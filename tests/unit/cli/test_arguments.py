"""What the command line is read as."""

from twtop.cli.arguments import arguments, parser


def test_the_old_name_of_max_cpu_works_and_is_hidden() -> None:
    assert arguments(["--budget", "5"]).max_cpu == arguments(["--max-cpu", "5"]).max_cpu == 0.05
    assert arguments(["demo", "--budget", "5"]).max_cpu == 0.05
    assert "--max-cpu" in parser().format_help()
    assert "--budget" not in parser().format_help()
