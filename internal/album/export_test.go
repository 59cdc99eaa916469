package album

// What the tests look at from within.
var (
	FolderFor = folderFor
	FileFor   = fileFor
	Explain   = explain
)
