/**
 * An authProg for tests: a script that answers by the login name, well or badly.
 */

/** Needs perl, which every Debian has. */
export const AUTH_PROG = String.raw`#!/usr/bin/perl
use strict;
$| = 1;
my $good = "UID=5000\nGID=5001\nHOME=/home/good\nADDRESS=good\@example.com\nNAME=Good\nMAILDIR=/home/good/Mail\nQUOTA=1000S\nPASSWD=x\nOPTIONS=disablepop3=1\n.\n";
my %answers = (
  nouid => "GID=1\nHOME=/h\nADDRESS=a\n.\n",
  nohome => "UID=1\nGID=1\nADDRESS=a\n.\n",
  root => "UID=0\nGID=0\nHOME=/h\nADDRESS=a\n.\n",
  relative => "UID=1\nGID=1\nHOME=h\nADDRESS=a\n.\n",
  noaddress => "UID=1\nGID=1\nHOME=/h\n.\n",
  system => "USERNAME=daemon\nHOME=/h\nADDRESS=a\n.\n",
  stranger => "USERNAME=pipe-stranger\nHOME=/h\nADDRESS=a\n.\n",
  unknownfield => "FOO=1\nUID=1\nGID=2\nHOME=/h\nADDRESS=a\nX\n.\n",
  garbage => "garbage\n",
  later => "TEMPFAIL the ledger is closed\n",
  double => $good . "FAIL\n",
  huge => "NAME=" . ("x" x 100000) . "\n.\n",
);
sub answer {
  my ($user, $ok) = @_;
  exit 3 if $user eq 'exit';
  if ($user eq 'half') { print "UID=1\n"; exit 0 }
  kill 'KILL', $$ if $user eq 'killed';
  if ($user eq 'endless') { print "UID=1\n" while 1 }
  if ($user eq 'hang') { sleep 600 }
  if ($user eq 'twice') { print $good; select undef, undef, undef, 0.05; print "FAIL\n"; return }
  print $answers{$user} // ($user eq 'good' && $ok ? $good : "FAIL\n");
}
while (defined(my $line = <STDIN>)) {
  if ($line =~ /^PRE \. \S+ (.*)$/) { answer($1, 1) }
  elsif ($line =~ /^AUTH (\d+)$/) {
    read STDIN, my $body, $1;
    if ($body =~ /^\w*\ncram-md5\nYQ==\nYQ==\n$/) { answer('good', 1) }
    else { my (undef, undef, $user, $password) = split /\n/, $body; answer($user, $password eq 'secret') }
  }
  elsif ($line =~ /^PASSWD imap\t\w+\tsecret\t/) { print "OK\n" }
  elsif ($line =~ /^ENUMERATE/) { print "# mine\n\ngood\t5000\t5001\t/home/good\t/m\ta=b\nother\t1\t2\t/h\t\t\n.\n" }
  else { print "FAIL\n" }
}
`;
