-- spf.lua - gatepost-spf as miltertest(8) sees it: a second MTA side of the
-- protocol, by other hands than ours.  Run by test_miltertest.py, which sets
-- `socket` and counts the lines "ok ..." and "not ok ...".

local function ok(good, name)
	mt.echo((good and "ok " or "not ok ") .. name)
end

-- a session up to the sender
local function greeted(client, sender)
	local conn = mt.connect(socket)
	if conn == nil then
		error("can not connect to " .. socket)
	end
	mt.negotiate(conn, nil, nil, nil)
	mt.macro(conn, SMFIC_CONNECT, "j", "mx.lab.example")
	mt.conninfo(conn, "client.example", client)
	mt.helo(conn, "client.example")
	mt.macro(conn, SMFIC_MAIL, "i", "4MILTERTEST")
	mt.mailfrom(conn, sender)
	return conn
end

local function finish(conn)
	mt.header(conn, "From", " a@example.com")
	mt.header(conn, "Authentication-Results", " mx.lab.example; spf=pass")
	mt.header(conn, "Authentication-Results", " other.example; spf=pass")
	mt.eom(conn)
end

local function result_of(sender)
	local conn = greeted("192.0.2.1", sender)
	mt.rcptto(conn, "<user@receiver.example>")
	local at_rcpt = mt.getreply(conn)
	finish(conn)
	local field = mt.getheader(conn, "Authentication-Results", 0) or ""
	local deleted = mt.eom_check(conn, MT_HDRDELETE, "Authentication-Results")
	local inserted = mt.eom_check(conn, MT_HDRINSERT, "Authentication-Results")
	local at_eom = mt.getreply(conn)
	mt.disconnect(conn)
	return at_rcpt, at_eom, field, deleted, inserted
end

for sender, want in pairs({
	["<a@pass.example>"] = "pass", ["<a@fail.example>"] = "fail",
	["<a@soft.example>"] = "softfail", ["<a@perm.example>"] = "permerror",
	["<a@servfail.example>"] = "temperror", ["<a@unlisted.example>"] = "none",
}) do
	local at_rcpt, at_eom, field, deleted, inserted = result_of(sender)
	ok(at_rcpt == SMFIR_CONTINUE, sender .. ": the recipient is accepted")
	ok(at_eom == SMFIR_CONTINUE or at_eom == SMFIR_ACCEPT,
		sender .. ": the message goes on")
	ok(inserted and string.find(field, "spf=" .. want, 1, true) ~= nil,
		sender .. ": spf=" .. want .. " is inserted")
	ok(deleted, sender .. ": the forged field is deleted")
end

do -- refused with reply and code
	local conn = greeted("192.0.2.1", "<a@fail.example>")
	mt.rcptto(conn, "<user@strict.example>")
	ok(mt.getreply(conn) == SMFIR_REPLYCODE, "strict: refused with a reply")
	mt.disconnect(conn)
end

do -- held
	local conn = greeted("192.0.2.1", "<a@fail.example>")
	mt.rcptto(conn, "<user@hold.example>")
	finish(conn)
	ok(mt.eom_check(conn, MT_QUARANTINE), "hold: the message is quarantined")
	mt.disconnect(conn)
end

do -- what was negotiated
	local conn = mt.connect(socket)
	mt.negotiate(conn, nil, nil, nil)
	ok(mt.test_action(conn, SMFIF_CHGHDRS), "negotiated: change header fields")
	ok(not mt.test_action(conn, SMFIF_CHGBODY), "negotiated: not the body")
	ok(mt.test_option(conn, SMFIP_NOBODY), "negotiated: no body wanted")
	ok(not mt.test_option(conn, SMFIP_NOHDRS), "negotiated: header wanted")
	mt.disconnect(conn)
end

do -- gone in the middle; the next one is served
	local conn = greeted("192.0.2.1", "<a@pass.example>")
	mt.disconnect(conn, false)
	local _, _, field = result_of("<a@pass.example>")
	ok(string.find(field, "spf=pass", 1, true) ~= nil,
		"after an abrupt end the next session is served")
end
