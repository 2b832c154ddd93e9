/* A file of their own: compilers keep the strings of a file together, and a microcontroller prints no texts.
 */
#include "isotp/uds.h"

#include <stddef.h>

const char *uds_service_text(unsigned sid)
{
    static const struct {
        uint8_t sid;
        const char *text;
    } services[] = {
        {UDS_SESSION_CONTROL, "DiagnosticSessionControl"},
        {UDS_ECU_RESET, "ECUReset"},
        {UDS_READ_DATA, "ReadDataByIdentifier"},
        {UDS_SECURITY_ACCESS, "SecurityAccess"},
        {UDS_COMMUNICATION_CONTROL, "CommunicationControl"},
        {UDS_AUTHENTICATION, "Authentication"},
        {UDS_WRITE_DATA, "WriteDataByIdentifier"},
        {UDS_ROUTINE_CONTROL, "RoutineControl"},
        {UDS_REQUEST_DOWNLOAD, "RequestDownload"},
        {UDS_TRANSFER_DATA, "TransferData"},
        {UDS_TRANSFER_EXIT, "RequestTransferExit"},
        {UDS_REQUEST_FILE_TRANSFER, "RequestFileTransfer"},
        {UDS_TESTER_PRESENT, "TesterPresent"},
        {UDS_CONTROL_DTC_SETTING, "ControlDTCSetting"},
    };
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (services[i].sid == sid) return services[i].text;
    return "unknown";
}

const char *uds_code_text(unsigned code)
{
    switch (code) {
#define X(value, id, text)                                                                                   \
    case value:                                                                                              \
        return text;
        UDS_CODES(X)
#undef X
    default:
        return "unknown";
    }
}
