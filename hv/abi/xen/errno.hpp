// Error numbers of Xen's public interface. A hypercall fails with the negated number. They equal Linux's values on x86,
// but they are part of Xen's ABI and do not depend on the errno.h of the machine that compiles this.
#pragma once

namespace hv::abi::xen {

inline constexpr int kEPERM = 1;
inline constexpr int kENOENT = 2;
inline constexpr int kESRCH = 3;
inline constexpr int kEINTR = 4;  // inside a hypervisor only; guests never see it
inline constexpr int kEIO = 5;
inline constexpr int kENXIO = 6;
inline constexpr int kE2BIG = 7;
inline constexpr int kENOEXEC = 8;
inline constexpr int kEBADF = 9;
inline constexpr int kECHILD = 10;
inline constexpr int kEAGAIN = 11;
inline constexpr int kEWOULDBLOCK = 11;
inline constexpr int kENOMEM = 12;
inline constexpr int kEACCES = 13;
inline constexpr int kEFAULT = 14;
inline constexpr int kEBUSY = 16;
inline constexpr int kEEXIST = 17;
inline constexpr int kEXDEV = 18;
inline constexpr int kENODEV = 19;
inline constexpr int kENOTDIR = 20;
inline constexpr int kEISDIR = 21;
inline constexpr int kEINVAL = 22;
inline constexpr int kENFILE = 23;
inline constexpr int kEMFILE = 24;
inline constexpr int kENOSPC = 28;
inline constexpr int kEROFS = 30;
inline constexpr int kEMLINK = 31;
inline constexpr int kEDOM = 33;
inline constexpr int kERANGE = 34;
inline constexpr int kEDEADLK = 35;
inline constexpr int kEDEADLOCK = 35;
inline constexpr int kENAMETOOLONG = 36;
inline constexpr int kENOLCK = 37;
inline constexpr int kENOSYS = 38;
inline constexpr int kENOTEMPTY = 39;
inline constexpr int kENODATA = 61;
inline constexpr int kETIME = 62;
inline constexpr int kEBADMSG = 74;
inline constexpr int kEOVERFLOW = 75;
inline constexpr int kEILSEQ = 84;
inline constexpr int kERESTART = 85;  // inside a hypervisor only; guests never see it
inline constexpr int kENOTSOCK = 88;
inline constexpr int kEMSGSIZE = 90;
inline constexpr int kEOPNOTSUPP = 95;
inline constexpr int kEADDRINUSE = 98;
inline constexpr int kEADDRNOTAVAIL = 99;
inline constexpr int kENOBUFS = 105;
inline constexpr int kEISCONN = 106;
inline constexpr int kENOTCONN = 107;
inline constexpr int kETIMEDOUT = 110;
inline constexpr int kECONNREFUSED = 111;

}  // namespace hv::abi::xen
