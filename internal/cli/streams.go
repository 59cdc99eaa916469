package cli

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// readLine reads one line without its end; what follows is left.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !(errors.Is(err, io.EOF) && line != "") {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
