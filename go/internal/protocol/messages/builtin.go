package messages

import (
	"fmt"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// builtin returns schema and description of a tool whose type the vendor
// defines and whose calls the client runs. Models of other vendors have not
// been trained on it and must be told. Both are "" for any other type.
//
// Source: the vendor's documentation of the tools bash, text editor, computer
// and memory.
func builtin(kind string, v []byte) (schema, description string) {
	family, _, _ := cutDate(kind)
	switch family {
	case "bash":
		return bashSchema, "Run a command in a persistent bash session. Set restart to start a fresh session."
	case "text_editor":
		return editorSchema, "View, create and edit files. view takes a file or a folder; str_replace replaces a " +
			"text that occurs exactly once; insert puts text after a line, 0 being the top of the file."
	case "memory":
		return memorySchema, "Keep notes as files below /memories. Look there before starting a task."
	case "computer":
		width, _ := jsonscan.Int(jsonscan.Get(v, "display_width_px"))
		height, _ := jsonscan.Int(jsonscan.Get(v, "display_height_px"))
		return computerSchema, fmt.Sprintf("Use the mouse and keyboard of a computer and take screenshots. "+
			"The screen is %d by %d pixels; coordinates are [x, y] from the top left.", width, height)
	}
	return "", ""
}

// cutDate splits a versioned type such as bash_20250124.
func cutDate(kind string) (family, date string, ok bool) {
	i := strings.LastIndexByte(kind, '_')
	if i < 0 || len(kind)-i != len("_20250124") || strings.Trim(kind[i+1:], "0123456789") != "" {
		return kind, "", false
	}
	return kind[:i], kind[i+1:], true
}

const (
	bashSchema = `{"type":"object","properties":{"command":{"type":"string"},"restart":{"type":"boolean"}}}`

	editorSchema = `{"type":"object","properties":{` +
		`"command":{"type":"string","enum":["view","create","str_replace","insert","undo_edit"]},` +
		`"path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}},` +
		`"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},` +
		`"insert_line":{"type":"integer"},"insert_text":{"type":"string"}},"required":["command","path"]}`

	memorySchema = `{"type":"object","properties":{` +
		`"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},` +
		`"path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}},` +
		`"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},` +
		`"insert_line":{"type":"integer"},"insert_text":{"type":"string"},` +
		`"old_path":{"type":"string"},"new_path":{"type":"string"}},"required":["command"]}`

	computerSchema = `{"type":"object","properties":{` +
		`"action":{"type":"string","enum":["screenshot","left_click","right_click","middle_click","double_click",` +
		`"triple_click","mouse_move","left_click_drag","left_mouse_down","left_mouse_up","cursor_position",` +
		`"key","hold_key","type","scroll","wait","zoom"]},` +
		`"coordinate":{"type":"array","items":{"type":"integer"}},` +
		`"start_coordinate":{"type":"array","items":{"type":"integer"}},` +
		`"region":{"type":"array","items":{"type":"integer"}},"text":{"type":"string"},` +
		`"scroll_direction":{"type":"string","enum":["up","down","left","right"]},"scroll_amount":{"type":"integer"},` +
		`"duration":{"type":"number"}},"required":["action"]}`
)
