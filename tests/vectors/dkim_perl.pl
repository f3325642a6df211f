#!/usr/bin/perl
# dkim_perl.pl - Mail::DKIM on a pipe, for dkim_roundtrip.py.
#
# A line is words with tabs between:
#     key NAME RECORD                            "ok"
#     sign IN OUT KEYFILE DOMAIN SELECTOR CANON  "ok": OUT is IN, signed
#     verify IN                                  "= RESULT ALGORITHM" for each
#                                                signature, then "."
use strict;
use warnings;
use Mail::DKIM;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;

package Txt {
	sub new { my ($class, $text) = @_; return bless { text => $text }, $class }
	sub type { return 'TXT' }
	sub txtdata { my $self = shift; return ($self->{text}) }
}

package main;

my %records;

# no question leaves this process
{
	no warnings 'redefine';
	*Mail::DKIM::DNS::query = sub {
		my ($name) = @_;
		my $text = $records{lc $name};
		return defined $text ? (Txt->new($text)) : ();
	};
}

sub pass_on {
	my ($path, $dkim, $copy) = @_;
	open(my $in, '<:raw', $path) or die "$path: $!";
	while (read($in, my $piece, 65536)) {
		$dkim->PRINT($piece);
		$$copy .= $piece if $copy;
	}
	close($in);
	$dkim->CLOSE;
}

sub sign {
	my ($from, $to, $key, $domain, $selector, $canon) = @_;
	my $dkim = Mail::DKIM::Signer->new(
		Algorithm => 'rsa-sha256',
		Method    => $canon,
		Domain    => $domain,
		Selector  => $selector,
		KeyFile   => $key,
	);
	my $message = '';
	pass_on($from, $dkim, \$message);
	open(my $out, '>:raw', $to) or die "$to: $!";
	print $out $dkim->signature->as_string, "\015\012", $message;
	close($out) or die "$to: $!";
	print "ok\n";
}

sub verify {
	my ($path) = @_;
	my $dkim = Mail::DKIM::Verifier->new;
	pass_on($path, $dkim);
	print join("\t", '=', $_->result, $_->algorithm), "\n"
		for $dkim->signatures;
	print ".\n";
}

$| = 1;
print "$Mail::DKIM::VERSION\n";
while (my $line = <STDIN>) {
	chomp $line;
	my ($word, @rest) = split /\t/, $line;
	if ($word eq 'key') {
		$records{lc $rest[0]} = $rest[1];
		print "ok\n";
	} elsif ($word eq 'sign') {
		sign(@rest);
	} elsif ($word eq 'verify') {
		verify(@rest);
	} else {
		die "unknown line: $line";
	}
}
