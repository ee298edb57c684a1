import sys

from patchskip.runtime.cli import main

sys.exit(main())
