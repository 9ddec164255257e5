"""GET and HEAD of a firmware file by a station, with ranges: stations resume."""

from aiohttp import web

from gateway.services.files.file_tickets import DOWNLOAD, FileTickets
from gateway.services.files.firmware_files import FirmwareFiles, UnknownFirmware


class Downloads:
    """Gives the file that a ticket names, as long as it is the same file."""

    def __init__(self, tickets: FileTickets, firmware: FirmwareFiles) -> None:
        self._tickets = tickets
        self._firmware = firmware

    async def give(self, request: web.Request) -> web.StreamResponse:
        """The file; 404 for everything else, so that nothing can be told apart."""
        ticket = await self._tickets.find(DOWNLOAD, request.match_info["ticket"])
        if ticket is None or ticket.name is None or ticket.name != request.match_info["name"]:
            raise web.HTTPNotFound
        try:
            file = await self._firmware.find(ticket.name)
        except UnknownFirmware:
            raise web.HTTPNotFound from None
        if file.version != ticket.version:
            raise web.HTTPNotFound  # the rest of another file would be worse than none
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{file.name}"',
        }
        return web.FileResponse(file.path, chunk_size=256 * 1024, headers=headers)
